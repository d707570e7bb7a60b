/** The step at our own side: the target's login may come back to our client's redirect URIs. */
import { randomBytes } from 'node:crypto';
import { readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs';
import type { OurClient, Present, Step } from '../../targets/setup.ts';
import { linesFor, withRedirectUris } from './client-lines.ts';

export interface ClientStepOptions {
  readonly client: OurClient;
  readonly uris: readonly string[];
  /** Written into when it is given; otherwise it is said what to paste. */
  readonly writeTo?: string | undefined;
}

export function clientStep({ client, uris, writeTo }: ClientStepOptions): Step {
  const { clientId } = client;
  const missing = uris.filter((uri) => !client.redirectUris.includes(uri));
  const written = { isDone: false };
  const byHand = (why: string): Present => ({
    state: 'by-hand',
    todo: `${why} Then restart Footbridge:\n${linesFor({ clientId, uris: missing })}`,
  });
  return {
    id: 'client:redirect-uris',
    what: `Our client ${clientId} lets the target’s logins come back.`,
    why: 'Redirect URIs are compared character by character, and which of them is used depends on the login that is in use there.',
    async look() {
      if (missing.length === 0 || written.isDone) return { state: 'same' };
      if (writeTo === undefined) return byHand('Add to the configuration file (or use --write):');
      const edited = withRedirectUris(readFileSync(writeTo, 'utf8'), { clientId, uris: missing });
      if ('problem' in edited)
        return byHand(`--write leaves ${writeTo} alone, because ${edited.problem}. Add:`);
      return { state: 'differs', differences: missing.map((uri) => `${writeTo} has no ${uri}`) };
    },
    async apply() {
      const file = realpathSync(writeTo!);
      const edited = withRedirectUris(readFileSync(file, 'utf8'), { clientId, uris: missing });
      if ('problem' in edited) throw new Error(edited.problem);
      replace(file, edited.text);
      written.isDone = true;
    },
  };
}

/** All or nothing, with the permissions it had. */
function replace(file: string, text: string): void {
  const beside = `${file}.${randomBytes(4).toString('hex')}.tmp`;
  writeFileSync(beside, text, { mode: statSync(file).mode & 0o777, flag: 'wx' });
  renameSync(beside, file);
}
