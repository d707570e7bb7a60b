/** What an API is told: the mark of who has moved, and the configured writes. */
import { FootbridgeError } from '../../../errors.ts';
import type { Connector, LegacyWrite, WriteValues } from '../../connector.ts';
import { writesIn } from '../../connector.ts';
import { conflictOf } from '../../write-conflict.ts';
import type { Api } from './api.ts';
import type { HttpSettings } from './http-settings.ts';

type Writes = NonNullable<HttpSettings['writes']>;

export async function mark(
  api: Api,
  flag: NonNullable<HttpSettings['flag']>,
  values: { readonly id: string; readonly migrated: boolean },
): Promise<void> {
  const answer = await api.ask(flag, values, [404, 410]);
  if (!answer || answer.status >= 400) throw new FootbridgeError('user_not_found');
}

export function writesThrough(api: Api, writes: Writes | undefined): Pick<Connector, 'writes' | 'write'> {
  const names = writesIn(writes);
  if (!writes || names.length === 0) return {};
  return { writes: new Set(names), write: (what, values) => tell(api, writes, { what, values }) };
}

interface Write {
  readonly what: LegacyWrite;
  readonly values: WriteValues;
}

/** An API does not say how many rows it has changed; where there is nobody, there are none. */
async function tell(api: Api, writes: Writes, { what, values }: Write): Promise<number | undefined> {
  const request = writes[what];
  if (!request) return 0;
  // Whoever is made was nowhere before: a path that is not there is a mistake.
  const gone = what === 'createPerson' ? [] : request.gone;
  const sent = request.body === undefined ? withoutBlanks(values) : values;
  const answer = await api.ask(request, sent, [...gone, ...request.taken, ...request.refused]);
  if (!answer) throw refusal(what, 'a value that the path cannot name');
  const { status } = answer;
  if (gone.includes(status)) return 0;
  if (request.taken.includes(status)) throw conflictOf(what);
  if (request.refused.includes(status)) throw refusal(what, `the answer is ${status}`);
  return undefined;
}

/** Outside JSON, what is blank would be left out, and nothing would become of somebody who has no roles any more. */
const withoutBlanks = (values: WriteValues): WriteValues =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value || null]));

const refusal = (what: LegacyWrite, why: string) =>
  new FootbridgeError('bad_request', { detail: `http.writes.${what}: ${why}` });
