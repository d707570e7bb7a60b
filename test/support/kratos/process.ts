/**
 * The stand-in as its own process, for tests that kill whoever calls it: `node process.ts [--port N] [--token T] [--old]`
 * prints `{"url":…,"port":…}` as one line, and ends when its standard input does, if that is a pipe. Beside the admin API:
 * `GET /_state`; `POST /_faults` with `{fail,throttle,dropAfter,hang,recover}`, each with its arguments as a list, patterns
 * as text; `POST /_hook` with `{url,headers}`; `POST /_login` with `{identifier,password,code?}`.
 */
import { fstatSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Which } from './faults.ts';
import type { StandInKratos } from './index.ts';
import { startKratos } from './index.ts';

const { values } = parseArgs({
  options: { port: { type: 'string' }, token: { type: 'string' }, old: { type: 'boolean' } },
});

type Body = Record<string, unknown>;
const whichOf = (value: unknown): Which => {
  const { only, ...which } = (value ?? {}) as { only?: string; times?: number };
  return { ...which, ...(only !== undefined && { only: new RegExp(only) }) };
};

function setFaults(kratos: StandInKratos, body: Body): object {
  const argumentsOf = (name: string) => (body[name] ?? []) as readonly unknown[];
  if ('recover' in body) kratos.recover();
  const [status, share, which] = argumentsOf('fail');
  if ('fail' in body) kratos.fail(Number(status), Number(share ?? 1), whichOf(which));
  const [seconds, throttled] = argumentsOf('throttle');
  if ('throttle' in body)
    kratos.throttle(seconds === undefined ? undefined : Number(seconds), whichOf(throttled));
  if ('dropAfter' in body) kratos.dropAfter(whichOf(argumentsOf('dropAfter')[0]));
  if ('hang' in body) kratos.hang(whichOf(argumentsOf('hang')[0]));
  return {};
}

const kratos: StandInKratos = await startKratos({
  ...(values.port !== undefined && { port: Number(values.port) }),
  ...(values.token !== undefined && { token: values.token }),
  isOld: values.old ?? false,
  own: {
    'GET /_state': () => kratos.state(),
    'POST /_faults': (body) => setFaults(kratos, body),
    'POST /_hook': ({ url, headers }) => {
      kratos.setHook({ url: String(url), headers: (headers ?? {}) as Record<string, string> });
      return {};
    },
    'POST /_login': ({ identifier, password, code }) =>
      kratos.login(String(identifier), String(password), code === undefined ? undefined : String(code)),
  },
});
process.stdout.write(`${JSON.stringify({ url: kratos.url, port: Number(new URL(kratos.url).port) })}\n`);

const input = fstatSync(0);
if (input.isFIFO() || input.isSocket()) process.stdin.on('end', () => process.exit(0)).resume();
