/** What an operator has before them: the command line, also as a process of its own, and the API of the running node. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { throughHub } from '../../support/hub/index.ts';
import { cli } from '../zitadel/command-line.ts';
import type { Settings, Town } from './town.ts';
import { Browser, field, openTown, PASSWORD, press, typePassword } from './town.ts';

const TOKEN = 'token-of-the-operators-0123456789';
const CLI = resolve(import.meta.dirname, '../../../bin/footbridge.js');

// biome-ignore lint/suspicious/noExplicitAny: a test looks into any answer
export type Json = any;

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export const jsonOf = ({ out }: Ran): Json => JSON.parse(out);

export type OperatorsTown = Awaited<ReturnType<typeof openOperatorsTown>>;

export async function openOperatorsTown(change: (settings: Settings) => void) {
  const town = await openTown({
    change: (settings) => {
      settings.admin = { token: TOKEN, fourEyes: false };
      change(settings);
    },
  });
  return {
    ...town,
    /** `isProcess`: as somebody types it. Else in this process, which has read the code already. */
    footbridge: (words: string, { config = town.configFile, more = [], isProcess = false }: Asked = {}) => {
      const all = [...words.split(' '), ...more, '--config', config];
      return isProcess ? run(all) : commandOf(all);
    },
    api: async (name: string, body: object, token = TOKEN): Promise<{ status: number; body: Json }> => {
      const response = await fetch(`${town.server.inside}/admin/api/${name}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: await response.json() };
    },
    tokensOf: (sub: string) =>
      town.sql('select id, state, sent_at as "sentAt" from claim_tokens where sub = $1 order by issued_at', [
        sub,
      ]),
    /** The old login of somebody at a client that is no target: the answer that ends it. */
    logIn: (username: string) => typePassword(town, new Browser(), username),
  };
}

interface Asked {
  readonly config?: string;
  readonly more?: readonly string[];
  readonly isProcess?: boolean;
}

const OPERATOR = 'mona';

async function commandOf(words: readonly string[]): Promise<Ran> {
  const { USER: before } = process.env;
  process.env.USER = OPERATOR;
  try {
    const { code, out, err } = await cli(...words);
    return { code, out: stripVTControlCharacters(out), err: stripVTControlCharacters(err) };
  } finally {
    if (before === undefined) delete process.env.USER;
    else process.env.USER = before;
  }
}

function run(words: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [CLI, ...words], { env: { ...process.env, USER: OPERATOR } });
  const said = { out: [] as Buffer[], err: [] as Buffer[] };
  child.stdout.on('data', (chunk: Buffer) => said.out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.err.push(chunk));
  const textOf = (chunks: Buffer[]) => stripVTControlCharacters(Buffer.concat(chunks).toString());
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, out: textOf(said.out), err: textOf(said.err) }));
  });
}

/** An owner opens an organization's link, logs in here, has it made at the hub, and comes back: the page that asks to confirm. */
export async function openAsOwner(
  town: Town,
  browser: Browser,
  { link, username, email }: { readonly link: string; readonly username: string; readonly email: string },
) {
  const first = await browser.follow(link, 'http://never');
  const login = await press(town, browser, first, { choice: 'continue' });
  const out = await browser.follow(login.url.split('?')[0]!, town.hub.url, {
    form: { username, password: PASSWORD, form_token: field(login.body, 'form_token') ?? '' },
  });
  const back = await throughHub(browser, out.location!, { email });
  return browser.follow(back.location!, 'http://never');
}
