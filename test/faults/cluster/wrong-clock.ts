/**
 * Loaded before everything else (`--import`): the node's clock is wrong by what a file says, in milliseconds. It is read again
 * at SIGUSR2, which steps the clock of a running process. What counts on a monotonic clock does not notice.
 */
import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = new URL(import.meta.url).searchParams.get('file') ?? '';
const { Date: RightDate } = globalThis;
const clock = { wrongByMs: 0 };

const read = () => {
  clock.wrongByMs = Number(readFileSync(file, 'utf8'));
};
read();
// Workers compute hashes: they have no clock, and get no signals.
if (isMainThread)
  process.on('SIGUSR2', () => {
    read();
    process.stderr.write(`the clock is wrong by ${clock.wrongByMs} ms\n`);
  });

const now = () => RightDate.now() + clock.wrongByMs;

globalThis.Date = new Proxy(RightDate, {
  construct: (made, given, asked) => Reflect.construct(made, given.length === 0 ? [now()] : given, asked),
  apply: () => new RightDate(now()).toString(),
  get: (made, name) => (name === 'now' ? now : Reflect.get(made, name)),
});
