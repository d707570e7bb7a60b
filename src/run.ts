/** Runs the server until it is told to stop. */
import { openApp } from './app.ts';
import type { Settings } from './config.ts';
import { schemaUp } from './store/schema.ts';

export async function runServer(settings: Settings): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const stopped = untilStopped();
  // A newer version's steps only add: the version before goes on beside it, and can be gone back to.
  await schemaUp({ url: settings.database.url.reveal(), log: say, acceptNewer: true });
  const app = await openApp(settings);
  say(
    `Footbridge serves ${settings.provider.issuer} on port ${app.publicPort}; health and metrics on port ${app.privatePort}.`,
  );
  await stopped;
  say('Stopping: requests under way may finish.');
  await app.close();
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
