/** `zitadel/uuid` of Actions V1. */
import { createHash, randomUUID } from 'node:crypto';
import type { HostValue } from './actions-v1-values.ts';

/** RFC 9562, appendix A. */
const namespace = (digit: string) => `6ba7b81${digit}-9dad-11d1-80b4-00c04fd430c8`;

function hashed(algorithm: 'md5' | 'sha1', version: number, panic: (message: string) => never) {
  return (...args: unknown[]): string => {
    if (args.length !== 2) return panic('invalid arg count');
    const [space, name] = args;
    if (typeof space !== 'string' || typeof name !== 'string') return panic('invalid type');
    const seed = Buffer.from(space.replaceAll('-', ''), 'hex');
    const digest = createHash(algorithm).update(seed).update(name).digest().subarray(0, 16);
    digest[6] = (digest[6]! & 0x0f) | (version << 4);
    digest[8] = (digest[8]! & 0x3f) | 0x80;
    return digest.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  };
}

export const uuidModule = (panic: (message: string) => never): HostValue =>
  ({
    v3: hashed('md5', 3, panic),
    v4: () => randomUUID(),
    v5: hashed('sha1', 5, panic),
    namespaceDNS: namespace('0'),
    namespaceURL: namespace('1'),
    namespaceOID: namespace('2'),
    namespaceX500: namespace('4'),
  }) as HostValue;
