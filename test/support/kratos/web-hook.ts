/**
 * What people do by themselves (the settings flow), and the `web_hook` that tells of it afterwards, with the body of
 * docs/targets/ory.md, which a v26.2.0 wrote the same.
 */
import { randomUUID } from 'node:crypto';
import bcrypt from 'bcrypt';
import type { Kept } from './answers.ts';
import { present } from './answers.ts';
import { withRead } from './identities.ts';
import { readTraits } from './identity-schema.ts';

/** Of all flows; `response.ignore` is on, so that nobody waits for it. */
export interface WebHook {
  readonly url: string;
  /** Of its `auth`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** As with `emit_analytics_event: false`. */
  readonly isUntraced?: boolean;
}

export interface People {
  /** They change their own traits. Throws Refused for traits that the schema does not take. */
  profile(id: string, traits: Readonly<Record<string, unknown>>): Promise<void>;
  password(id: string, password: string): Promise<void>;
  /** When everything that was to be told has been, or was given up. */
  told(): Promise<void>;
}

const TRIES = 4;
const COST = 4;

export function openPeople(kept: () => Kept, hook: () => WebHook | undefined): People {
  const underWay = new Set<Promise<void>>();

  const tell = (event: string, id: string, updatedAt: Date) => {
    const to = hook();
    if (!to) return;
    const sending = send(to, {
      event,
      flow: randomUUID(),
      identity_id: id,
      updated_at: updatedAt.toISOString(),
    });
    underWay.add(sending);
    sending.finally(() => underWay.delete(sending));
  };

  return {
    async profile(id, traits) {
      const { identities, schemas, now } = kept();
      const before = present(kept(), id);
      identities.replace(withRead({ ...before, traits }, readTraits(schemas[before.schema_id]!, traits)));
      tell('settings', id, now());
    },
    async password(id, password) {
      const { identities, now } = kept();
      const before = present(kept(), id);
      const { identifiers = [] } = before.credentials.password ?? {};
      const config = { hashed_password: await bcrypt.hash(password, COST) };
      identities.replace({
        ...before,
        credentials: { ...before.credentials, password: { identifiers, config } },
      });
      tell('password', id, now());
    },
    told: async () => {
      await Promise.all(underWay);
    },
  };
}

/** Again where there is no answer, or one of 5xx; all tries have the same trigger. */
async function send({ url, headers = {}, isUntraced = false }: WebHook, body: object): Promise<void> {
  const traced = isUntraced ? {} : { 'ory-webhook-trigger-id': randomUUID() };
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...traced, ...headers },
      // As Jsonnet writes it.
      body: `${JSON.stringify(body, null, 3)}\n`,
    }).catch(() => undefined);
    await response?.text();
    if (response && response.status < 500) return;
  }
}
