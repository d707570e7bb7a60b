/** Runs the server until it is told to stop. */
import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { App } from './app.ts';
import { openApp } from './app.ts';
import type { Settings } from './config.ts';
import { schemaUp } from './store/schema.ts';

/** `read` is asked again at every SIGHUP. Throws what it throws the first time. */
export async function runServer(read: () => Settings): Promise<void> {
  const settings = read();
  // A disk that is full says so here, and ends nothing.
  process.stderr.on('error', () => undefined);
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const stopped = untilStopped();
  const hungUp = hangUps();
  // A newer version's steps only add: the version before goes on beside it, and can be gone back to.
  await schemaUp({ url: settings.database.url.reveal(), log: say, acceptNewer: true });
  const app = await openApp(settings);
  say(
    `Footbridge serves ${settings.provider.issuer} on port ${app.publicPort}; health and metrics on port ${app.privatePort}.`,
  );
  hungUp.follow(app, read);
  settle();
  await stopped;
  say('Stopping: requests under way may finish.');
  await app.close();
}

/**
 * What only the start needed is given back, and what was compiled for it is kept for the next one. V8 on its own holds on to the
 * room that the start took: without this an idle node has a third more.
 */
function settle(): void {
  flushCompileCache();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as NonNullable<typeof gc>;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** Heard from the start, so that one that comes too early ends nothing; it is answered once there is something to reload. */
function hangUps() {
  let isWaiting = false;
  let reload = async (): Promise<unknown> => undefined;
  process.on('SIGHUP', () => {
    // Whoever asks while one waits is answered by that one: it reads the file then.
    if (isWaiting) return;
    isWaiting = true;
    void reload();
  });
  return {
    follow(app: App, read: () => Settings): void {
      reload = () =>
        app.reload(() => {
          isWaiting = false;
          return read();
        });
      if (isWaiting) void reload();
    },
  };
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const stop = () => {
      if (asked) process.exit(130);
      asked = true;
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}
