/** A PHP forum on loopback with sessions in files. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import bcrypt from 'bcrypt';
import { until } from '../flows/server.ts';
import { Browser } from '../support/browser.ts';
import type { Requirement } from '../support/requires.ts';
import { requires } from '../support/requires.ts';

/** For `describe.skipIf(requiresPhp().skip)(…)`. */
export const requiresPhp = (): Requirement => requires('PHP', 'php');

/** Few rounds: many people log in while the tests run. */
const SALT = '$2b$04$abcdefghijklmnopqrstuu';

export interface PhpPerson {
  readonly id: number;
  readonly username: string;
  readonly password: string;
}

export interface PhpForum {
  readonly origin: string;
  /** Nobody answers until it is resumed, on the same port and with the same sessions. */
  halt(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

export interface PhpPlan {
  readonly port: number;
  readonly people: readonly PhpPerson[];
  readonly hookKey: string;
  readonly facade: string;
  /** Whether it tells Footbridge of logouts. */
  readonly tells: boolean;
}

export async function startPhpForum({ port, people, hookKey, facade, tells }: PhpPlan): Promise<PhpForum> {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-php-'));
  const sessions = join(folder, 'sessions');
  mkdirSync(sessions);
  const peopleFile = join(folder, 'people.json');
  const listed = people.map(({ password, ...person }) => ({
    ...person,
    hash: bcrypt.hashSync(password, SALT),
  }));
  writeFileSync(peopleFile, JSON.stringify(listed));
  const origin = `http://127.0.0.1:${port}`;
  const index = join(import.meta.dirname, 'php-app/index.php');
  const run = () =>
    spawn(
      requiresPhp().path!,
      [
        '-d',
        `session.save_path=${sessions}`,
        '-d',
        'session.use_strict_mode=1',
        '-S',
        `127.0.0.1:${port}`,
        index,
      ],
      {
        env: {
          PATH: process.env.PATH,
          PEOPLE_FILE: peopleFile,
          HOOK_KEY: hookKey,
          FACADE: facade,
          TELLS: tells ? 'yes' : 'no',
          PHP_CLI_SERVER_WORKERS: '4',
        },
        stdio: 'ignore',
        // Its workers are processes of their own, and end with its group.
        detached: true,
      },
    );
  let child: ChildProcess | undefined;
  const halt = async () => {
    if (!child) return;
    const exited = once(child, 'exit');
    process.kill(-child.pid!, 'SIGKILL');
    await exited;
    child = undefined;
  };
  const resume = async () => {
    child ??= run();
    await until(async () => (await new Browser().visit(`${origin}/whoami`)).status === 403);
  };
  await resume();
  return {
    origin,
    halt,
    resume,
    stop: async () => {
      await halt();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
