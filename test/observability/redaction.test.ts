/** What is called like a secret is in no line of the log, wherever it stands and however it is spelled. */
import { expect, test } from 'vitest';
import type { Log } from '../../src/observability/log.ts';
import { openLog } from '../../src/observability/log.ts';
import { SECRET_ENDINGS, SECRET_NAMES } from '../../src/observability/redaction.ts';
import { Secret } from '../../src/settings.ts';

const CANARY = 'canary-of-a-secret';

function written(write: (log: Log) => void): string {
  const lines: string[] = [];
  write(openLog({ level: 'debug', to: { write: (line: string) => void lines.push(line) } }));
  return lines.join('');
}

const spellings = (name: string) => [
  name,
  name.toUpperCase(),
  `${name[0]!.toUpperCase()}${name.slice(1)}`,
  `-${name}`,
  `${name.slice(0, 2)}_${name.slice(2)}`,
];
const prefixed = (name: string) => [`client_${name}`, `old${name}`, `X-Api-${name}`];
const wraps: readonly ((fields: object) => object)[] = [
  (fields) => fields,
  (fields) => ({ one: fields }),
  (fields) => ({ one: { two: fields } }),
  (fields) => ({ one: { two: { three: fields } } }),
  (fields) => ({ list: [{ of: fields }] }),
  (fields) => ({ one: { two: { three: { four: { five: { six: { seven: fields } } } } } } }),
];

test.each([
  ...SECRET_ENDINGS.flatMap((name) => [...spellings(name), ...prefixed(name)]),
  ...SECRET_NAMES.flatMap(spellings),
])('%s is cut wherever it stands', (name) => {
  for (const wrap of wraps) {
    const line = written((log) => log.warn(wrap({ [name]: CANARY }), 'something'));
    expect(line).toContain('something');
    expect(line).not.toContain(CANARY);
  }
});

test('a whole object under such a name is cut, and a setting that is a secret writes itself as one', () => {
  const line = written((log) =>
    log.warn({ headers: { cookies: { session: CANARY } }, value: new Secret(CANARY) }, 'something'),
  );
  expect(line).not.toContain(CANARY);
  expect(line).toContain('[secret]');
});

test('what an operator looks for stays', () => {
  const fields = {
    errorCode: 'legacy_unavailable',
    route: 'token',
    status: 503,
    reference: '7F3KQ2MD',
    traceId: 'a'.repeat(32),
    target: 'zitadel',
    problems: ['footbridge.yaml:3:1 provider: expected an object'],
    at: new Date(0),
  };
  const line = JSON.parse(written((log) => log.info(fields, 'something')));
  expect(line).toMatchObject({ ...fields, at: fields.at.toISOString(), msg: 'something' });
});

test('what is below the level is not written, and the level can change', () => {
  const lines: string[] = [];
  const log = openLog({ level: 'warn', to: { write: (line: string) => void lines.push(line) } });
  log.info('too little');
  log.level = 'info';
  log.info('enough');
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['enough']);
});
