/** What a recipe does to the password before it is hashed, in the steps that formats have. */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import type { MessagePart } from '../algorithms/digest.ts';
import type { PreparationStep } from '../preparation.ts';
import type { ReasonCode } from '../reasons.ts';
import type { CallNode, Node, TextNode } from './tree.ts';
import { sandwichOf } from './tree.ts';

type Steps = readonly PreparationStep[];

const REWRITES: Readonly<Record<string, PreparationStep>> = {
  nfc: { step: 'normalize', form: 'NFC' },
  nfkc: { step: 'normalize', form: 'NFKC' },
  escape_html: { step: 'escape-html' },
  strip_blanks: { step: 'remove-blanks' },
  utf16le: { step: 'utf16le' },
};

/** `undefined` where no steps say it. */
export function preparationOf(node: Node): Steps | undefined {
  if (node.kind === 'password') return [];
  if (node.kind === 'concat') {
    const { front, middle, back } = sandwichOf(node) ?? {};
    const steps = middle && preparationOf(middle);
    return steps && [...steps, ...put('prepend', front), ...put('append', back)];
  }
  if (node.kind !== 'call') return undefined;
  const rewrite = REWRITES[node.name];
  const [inner] = node.args;
  if (!rewrite) return writtenDigest(node);
  const steps = inner && preparationOf(inner);
  return steps && [...steps, rewrite];
}

function put(step: 'prepend' | 'append', constants: readonly TextNode[] = []): Steps {
  const bytes = Buffer.concat(constants.map((constant) => constant.bytes));
  return bytes.length > 0 ? [{ step, bytes }] : [];
}

/** `hex(md5(…))`, `base64(hmac_sha384(key, …))`. */
function writtenDigest({ name, args: [inner] }: CallNode): Steps | undefined {
  if ((name !== 'hex' && name !== 'base64') || inner?.kind !== 'call') return undefined;
  const [, hmac, digest = ''] = /^(hmac_)?(\w+)$/.exec(inner.name)!;
  const message = inner.args.at(-1);
  const steps = message && Object.hasOwn(DIGEST_BYTES, digest) ? preparationOf(message) : undefined;
  if (!steps) return undefined;
  const key = inner.args[0]!;
  if (!hmac) return [...steps, { step: 'digest', digest: digest as DigestName, as: name }];
  if (key.kind !== 'text') return undefined;
  return [...steps, { step: 'hmac', digest: digest as DigestName, key: key.bytes, as: name }];
}

export interface Message {
  readonly parts: readonly MessagePart[];
  readonly salt: Uint8Array;
  readonly preparation: Steps;
  readonly caveat: ReasonCode | undefined;
}

/** Constants and the prepared password. The salt is what comes from the row; where nothing does, what is the site's. */
export function messageOf(node: Node): Message | undefined {
  const nodes = node.kind === 'concat' ? node.parts : [node];
  const middle = nodes.filter(({ kind }) => kind !== 'text');
  const preparation = middle.length === 1 ? preparationOf(middle[0]!) : undefined;
  if (!preparation) return undefined;
  const constants = nodes.filter((part) => part.kind === 'text');
  const salt =
    constants.findLast(({ origin }) => origin?.row) ?? constants.find(({ origin }) => origin?.setting);
  return {
    parts: nodes.map((part) => (part === salt ? 'salt' : part.kind === 'text' ? part.bytes : 'password')),
    salt: salt?.bytes ?? new Uint8Array(),
    preparation,
    caveat: caveatOf(constants),
  };
}

/** What somebody has to know who writes these constants into the rows of a target. */
export function caveatOf(constants: readonly TextNode[]): ReasonCode | undefined {
  if (constants.some(({ origin }) => origin?.setting)) return 'site_key_disclosed';
  return constants.some(({ origin }) => origin?.username) ? 'username_is_salt' : undefined;
}
