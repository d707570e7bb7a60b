/** SASLprep (RFC 4013): how SCRAM and its kin make one of passwords that look alike. */

/** RFC 3454 table C.1.2, mapped to a space. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g;
/** RFC 3454 table B.1, mapped to nothing. */
const NOTHING = /\u00ad|\u034f|[\u1806\u200b\u2060\ufeff]|[\u180b-\u180d]|\u200c|\u200d|[\ufe00-\ufe0f]/g;
/** RFC 4013 section 2.3: controls, private use, non-characters, what is not plain text or changes its display. */
const PROHIBITED =
  /[\u0340\u0341]|[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2060-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufeff\ufff9-\ufffd\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]/u;

/**
 * RFC 3454 table A.1, unassigned in Unicode 3.2: how many code points up to U+1FFFF are assigned and not, in turns, in
 * base 36.
 */
const RUNS = `
  f5 1 i s 2m 2 1r h 28 g g 4 2 4 1 3 1 5 7 1 1 1 k 1 18 1 13 9 3r 1 1z 1 12 2 2 6 g x 12 2 7 1 13 1 2 6 h 1 n
  1 a b r 5 5 n 1 e 1 3 1 1 q 5 m a 3y 2 f 1 e 1 u 3 r 1h 1e 9b 3 1 1h 2 i 2 5 3 p g 3 1 8 2 2 2 m 1 7 1 1 3 4
  2 1 1 7 2 2 2 3 9 1 4 2 1 5 2 l 7 1 2 6 4 2 2 m 1 7 1 2 1 2 1 2 2 1 1 5 4 2 2 3 b 4 1 1 7 f c 3 1 7 1 1 1 3
  1 m 1 7 1 2 1 5 2 a 1 3 1 3 2 1 f 1 5 a h 3 1 8 2 2 2 m 1 7 1 2 2 4 2 8 3 2 2 3 8 2 4 2 1 3 4 b h 2 1 6 3 3
  1 4 3 2 1 1 1 2 3 2 3 3 3 8 1 3 4 5 3 3 1 4 9 1 f c e 3 1 8 1 3 1 n 1 a 1 5 4 7 1 3 1 4 7 2 9 2 4 a i 2 1 8
  1 3 1 n 1 a 1 5 4 7 1 3 1 4 7 2 7 1 1 2 4 a i 2 1 8 1 3 1 n 1 g 4 6 2 3 1 4 9 1 8 2 4 a i 2 1 i 3 o 1 9 1 1
  2 7 3 1 4 6 1 1 1 8 i 3 c 1m 4 t 11 2 1 1 2 2 1 1 2 1 6 4 1 7 1 3 1 1 1 1 2 2 1 d 1 3 2 5 1 1 1 6 2 a 2 2 y
  20 1 y 6 r 4 8 1 10 1 f 2 1 1c y 1 5 1 2 1 7 3 4 6 q 1y 12 a 15 2 1 4 2i 5 1w 5 2a 6 7 1 1r 1 1 1 4 2 7 1 1
  1 4 2 13 1 1 1 4 2 v 1 1 1 4 2 7 1 1 1 4 2 7 1 7 1 n 1 v 1 1 1 4 2 7 1 13 1 j 6 s z 2d c hi 9 t 3 29 f d 1 7
  b n 9 k c d 1 3 1 2 c 2l 3 a m f 1 a 6 2g 8 16 11y 4c 4 2i 6 m 2 6 2 12 2 6 2 8 1 1 1 1 1 1 1 v 2 1h 1 f 1 e
  2 6 1 j 2 3 1 9 1 2b 4 1 7 5 6 8 2 r h i u r l 1n 2 f 7 1d c fz 1d 13 p b l 4f 1 7o 2 2 1 2t 2 a 3b 4 1 4 2
  s 1 z 1 1 1 4 3 1 1 7 2 1g 3 o 1 e h s 4 ls ow q 1 2h c 5y q c 4 1s 1 2e 2 2v 5 14 4 2m 1 14 1k 19 3 10 d 17
  3 25 4 1b 1 3b 4 2r 2 v 1 52u 22 g4m 2i wd 3 1j 1fd 8mc 2k 6r2 2 1n 45 7 c 5 5 q 1 5 1 1 1 2 1 2 1 30 x a5 g
  1s 2 1i 8 19 3 g g 4 c n 2 a 1 j 1 4 4 5 1 3r 2 1 1 5a 3 6 2 6 2 6 2 3 3 7 1 7 a 7 lc v 1 4 c r 51 12 2 12
  148i 6u a 13 3 50 f6 2d 1 1z 1 2 2 1 2 2 2 4 1 c 1 1 1 4 1 2 1 1t 1 4 2 8 1 7 1 s 1 4 1 5 1 1 3 7 1 9e 4 82
  4 1e 7we
`;

/** U+20000 and above, the ideographs of Unicode 3.2 and what they have no room for. */
const UNASSIGNED_ABOVE = /[\u{2a6d7}-\u{2f7ff}\u{2fa1e}-\u{e0000}\u{e0002}-\u{e001f}\u{e0080}-\u{effff}]/u;

/** Where runs begin; those at odd places are unassigned. */
function runStarts(): number[] {
  let start = 0;
  return RUNS.trim()
    .split(/\s+/)
    .map((run) => {
      start += Number.parseInt(run, 36);
      return start;
    });
}

const STARTS = [0, ...runStarts()];

function isUnassigned(character: string): boolean {
  const code = character.codePointAt(0)!;
  if (code >= 0x20000) return UNASSIGNED_ABOVE.test(character);
  return STARTS.findLastIndex((start) => start <= code) % 2 === 1;
}

/** RFC 3454 table D.1: written from right to left. */
const RIGHT_TO_LEFT =
  /[\u05be\u05c0\u05c3\u05d0-\u05ea\u05f0-\u05f4\u061b\u061f\u0621-\u063a\u0640-\u064a\u066d-\u066f\u0671-\u06d5\u06dd\u06e5-\u06e6\u06fa-\u06fe\u0700-\u070d\u0710\u0712-\u072c\u0780-\u07a5\u07b1\u200f\ufb1d\ufb1f-\ufb28\ufb2a-\ufb36\ufb38-\ufb3c\ufb3e\ufb40-\ufb41\ufb43-\ufb44\ufb46-\ufbb1\ufbd3-\ufd3d\ufd50-\ufd8f\ufd92-\ufdc7\ufdf0-\ufdfc\ufe70-\ufe74\ufe76-\ufefc]/;
/** Nearly table D.2. */
const LETTER = /[\p{L}\p{Nl}\p{Mc}]/u;

/** RFC 3454 section 6: text with anything from right to left begins and ends so, and has no other letters. */
function isOneDirection(characters: readonly string[]): boolean {
  if (!characters.some((character) => RIGHT_TO_LEFT.test(character))) return true;
  const others = characters.filter((character) => !RIGHT_TO_LEFT.test(character));
  const ends = [characters.at(0)!, characters.at(-1)!];
  return !others.some((character) => LETTER.test(character)) && !ends.some((end) => others.includes(end));
}

/** Text that RFC 4013 forbids, also for what Unicode 3.2 did not know, is given back unchanged, as PostgreSQL does. */
export function saslprep(text: string): string {
  const mapped = text.replace(SPACES, ' ').replace(NOTHING, '').normalize('NFKC');
  const characters = [...mapped];
  const isForbidden = PROHIBITED.test(mapped) || characters.some(isUnassigned) || !isOneDirection(characters);
  return mapped === '' || isForbidden ? text : mapped;
}
