/**
 * Recipes that are an algorithm in disguise: a digest, HMAC or key derivation over a prepared password. As what they
 * are they can be written for a target.
 */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { parseBcrypt, parseMd5crypt, parseShaCrypt } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { asText } from '../encoding.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import type { Refusal } from '../reasons.ts';
import { isRefusal, refuse } from '../reasons.ts';
import type { Bound } from './bind.ts';
import { functionOf } from './functions/index.ts';
import { caveatOf, messageOf, preparationOf } from './prepared.ts';
import type { CallNode, Node, TextNode } from './tree.ts';
import { constantOf, isSame } from './tree.ts';

type Native = ParsedHash | Refusal | undefined;

/** `undefined` where it is none. */
export function nativeOf({ program, expected }: Bound): Native {
  const preparation = preparationOf(program);
  if (preparation) return hashOf('plaintext', {}, { digest: expected.bytes, preparation });
  if (program.kind !== 'call') return undefined;
  if (program.name === 'iterate' || isDigest(program.name)) return digestOf(program, expected.bytes);
  const [family = '', ...variant] = program.name.split('_');
  return READERS[family]?.(program, expected, variant.join('_'));
}

const isDigest = (name: string): name is DigestName => Object.hasOwn(DIGEST_BYTES, name);
const isText = (node: Node | undefined): node is TextNode => node?.kind === 'text';

type Reader = (call: CallNode, expected: TextNode, variant: string) => Native;

const READERS: Readonly<Record<string, Reader>> = {
  hmac({ args: [key, message] }, { bytes }, digest) {
    const preparation = preparationOf(message!);
    if (!isText(key) || !preparation || !isDigest(digest)) return undefined;
    return hashOf(
      'hmac',
      { digest },
      { salt: key.bytes, digest: bytes, preparation, caveat: caveatOf([key]) },
    );
  },
  pbkdf2: derived,
  scrypt: derived,
  argon2id: derived,
  argon2i: derived,
  argon2d: derived,
  bcrypt: (call, expected) => crypted(call, expected, parseBcrypt),
  md5crypt: (call, expected) => crypted(call, expected, parseMd5crypt),
  sha256crypt: (call, expected) => crypted(call, expected, parseShaCrypt),
  sha512crypt: (call, expected) => crypted(call, expected, parseShaCrypt),
};

function derived({ name, args }: CallNode, { bytes }: TextNode): Native {
  const [password, salt] = args;
  const preparation = preparationOf(password!);
  if (!preparation || !isText(salt)) return undefined;
  const { derivation } = functionOf(name).deriving!(args.map(constantOf));
  if (derivation.digest.length !== bytes.length) return refuse('malformed');
  const algorithm = name.replace(/_.*$|(?<=^argon2).*$/, '') as 'pbkdf2' | 'scrypt' | 'argon2';
  const parts = { salt: salt.bytes, digest: bytes, preparation, caveat: caveatOf([salt]) };
  return hashOf(algorithm, derivation.parameters as never, parts);
}

/** crypt(3)'s functions: what must come out is the whole text, whose start is the setting. */
function crypted(
  { name, args: [password, setting] }: CallNode,
  { bytes }: TextNode,
  parse: (text: string) => ParsedHash | Refusal,
): Native {
  const preparation = preparationOf(password!);
  if (!preparation || !isText(setting)) return undefined;
  const { write } = functionOf(name).deriving!([Buffer.alloc(0), Buffer.from(setting.bytes)]);
  const start = write(new Uint8Array());
  if (!Buffer.from(bytes.subarray(0, start.length)).equals(start)) return refuse('malformed');
  const parsed = parse(asText(bytes));
  return isRefusal(parsed) ? parsed : { ...parsed, preparation };
}

interface Chain {
  readonly digest: DigestName;
  readonly iterations: number;
  readonly feedback: 'raw' | 'hex';
  readonly repeatsMessage: boolean;
  readonly initial: Uint8Array;
  readonly message: Node;
}

/** The algorithm takes no more: what is longer stays a program. */
const MOST_PARTS = 16;
const MOST_BYTES = 1024;

function digestOf(program: CallNode, expected: Uint8Array): Native {
  const chain = chainOf(program);
  const message = chain && messageOf(chain.message);
  if (!chain || !message) return undefined;
  const { digest, message: _, ...construction } = chain;
  const fixed = message.parts.reduce((sum, part) => sum + (typeof part === 'string' ? 0 : part.length), 0);
  if (message.parts.length > MOST_PARTS || fixed + message.salt.length + chain.initial.length > MOST_BYTES) {
    return undefined;
  }
  const bytes = chain.feedback === 'hex' && program.name === 'iterate' ? unhexed(expected) : expected;
  const { parts, salt, preparation, caveat } = message;
  return digestHash(
    digest,
    { salt, digest: bytes, preparation, caveat },
    { ...construction, message: parts },
  );
}

const unhexed = (text: Uint8Array) => functionOf('unhex').compute!([Buffer.from(text)]) as Buffer;

const ONCE = { iterations: 1, feedback: 'raw', repeatsMessage: false, initial: new Uint8Array() } as const;

/** A digest of a message, of its own digest, or in a loop that `digest.ts` knows. */
function chainOf(node: Node): Chain | undefined {
  if (node.kind !== 'call') return undefined;
  if (node.name === 'iterate') return loopOf(node);
  if (!isDigest(node.name)) return undefined;
  const [message] = node.args;
  const inner = message && chainOf(message);
  const isPlain = inner?.digest === node.name && inner.feedback === 'raw' && !inner.repeatsMessage;
  if (isPlain) return { ...inner, iterations: inner.iterations + 1 };
  return { ...ONCE, digest: node.name, message: message! };
}

function loopOf({ args }: CallNode): Chain | undefined {
  const [count, first, next] = args as [Node, Node, Node];
  const isHex = next.kind === 'call' && next.name === 'hex';
  const step = isHex ? next.args[0]! : next;
  if (step.kind !== 'call' || !isDigest(step.name) || count.kind !== 'number') return undefined;
  const feedback = isHex ? 'hex' : 'raw';
  const chain = { ...ONCE, digest: step.name, iterations: count.value, feedback } as const;
  const inner = step.args[0]!;
  if (inner.kind === 'it') return startOf(chain, first);
  if (inner.kind !== 'concat' || inner.parts[0]!.kind !== 'it') return undefined;
  const message = rest(inner.parts);
  if (isText(first)) return { ...chain, repeatsMessage: true, initial: first.bytes, message };
  // The first round stands before the loop: the same digest of the message alone.
  const isFirstRound = isSame(first, isHex ? hexOf(step.name, message) : digestCall(step.name, message));
  return isFirstRound ? { ...chain, repeatsMessage: true, iterations: count.value + 1, message } : undefined;
}

/** What the loop starts with is its message, or a first round. */
function startOf(chain: Omit<Chain, 'message'>, first: Node): Chain {
  const start =
    chain.feedback === 'hex' && first.kind === 'call' && first.name === 'hex' ? first.args[0]! : first;
  const isWritten = chain.feedback === 'raw' || start !== first;
  const before = isWritten ? chainOf(start) : undefined;
  const joins =
    before?.digest === chain.digest &&
    before.iterations === 1 &&
    !before.repeatsMessage &&
    before.feedback === 'raw';
  return joins
    ? { ...chain, iterations: chain.iterations + 1, message: before.message }
    : { ...chain, message: first };
}

function rest(parts: readonly Node[]): Node {
  return parts.length === 2 ? parts[1]! : { kind: 'concat', parts: parts.slice(1) };
}

const digestCall = (name: string, message: Node): Node => ({ kind: 'call', name, args: [message] });
const hexOf = (name: string, message: Node): Node => digestCall('hex', digestCall(name, message));
