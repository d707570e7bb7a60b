/** The command line in this process, with what it has written. */
import { runCli } from '../../../src/cli.ts';

export interface Written {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function cli(...args: string[]): Promise<Written> {
  const written = { out: '', err: '' };
  const { stdout, stderr } = process;
  const before = { out: stdout.write, err: stderr.write };
  const into = (where: 'out' | 'err') => (chunk: unknown) => {
    written[where] += String(chunk);
    return true;
  };
  stdout.write = into('out') as typeof stdout.write;
  stderr.write = into('err') as typeof stderr.write;
  try {
    const code = await runCli(['node', 'footbridge', ...args]);
    return { code, ...written };
  } finally {
    stdout.write = before.out;
    stderr.write = before.err;
  }
}
