/** Certificates for tests, made with openssl in a folder of their own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requires } from '../support/requires.ts';

export const requiresOpenssl = () => requires('openssl');

export interface Certificate {
  /** Paths. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** The authority, as PEM. */
  readonly caPem: string;
  drop(): void;
}

/** A certificate for these names (`DNS:localhost`, `IP:127.0.0.1`) by an authority that signs nothing else. */
export function certificateFor(names: string): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-certificate-'));
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync(requiresOpenssl().path ?? 'openssl', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl failed: ${stderr}`);
  };
  const fresh = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const authority = ['-x509', '-days', '2', '-subj', '/CN=test authority'];
  openssl(...fresh, ...authority, '-keyout', file('ca.key'), '-out', file('ca.pem'));
  openssl(...fresh, '-subj', '/CN=test', '-keyout', file('key.pem'), '-out', file('request.pem'));
  writeFileSync(file('extensions'), `subjectAltName=${names}\n`);
  const signed = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2'];
  const extended = ['-extfile', file('extensions'), '-out', file('cert.pem')];
  openssl('x509', '-req', '-in', file('request.pem'), ...signed, ...extended);
  return {
    cert: file('cert.pem'),
    key: file('key.pem'),
    ca: file('ca.pem'),
    caPem: readFileSync(file('ca.pem'), 'utf8'),
    drop: () => rmSync(folder, { recursive: true, force: true }),
  };
}
