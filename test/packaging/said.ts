import { spawn } from 'node:child_process';

/** What a program said on both streams, and its exit code. */
export function said(
  program: string,
  args: readonly string[],
): Promise<{ code: number | null; out: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args);
    let out = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        out += chunk;
      });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out }));
  });
}
