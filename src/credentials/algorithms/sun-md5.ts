import { createHash } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';
import { cryptBase64 } from '../encoding.ts';

export interface SunMd5Parameters {
  /** As the hash says it; 4,096 more are always done. */
  readonly rounds: number;
}

/** Hamlet, act 3, scene 1, as Project Gutenberg has it, with the zero byte at the end of the C string. */
const HAMLET = `To be, or not to be,--that is the question:--
Whether 'tis nobler in the mind to suffer
The slings and arrows of outrageous fortune
Or to take arms against a sea of troubles,
And by opposing end them?--To die,--to sleep,--
No more; and by a sleep to say we end
The heartache, and the thousand natural shocks
That flesh is heir to,--'tis a consummation
Devoutly to be wish'd. To die,--to sleep;--
To sleep! perchance to dream:--ay, there's the rub;
For in that sleep of death what dreams may come,
When we have shuffled off this mortal coil,
Must give us pause: there's the respect
That makes calamity of so long life;
For who would bear the whips and scorns of time,
The oppressor's wrong, the proud man's contumely,
The pangs of despis'd love, the law's delay,
The insolence of office, and the spurns
That patient merit of the unworthy takes,
When he himself might his quietus make
With a bare bodkin? who would these fardels bear,
To grunt and sweat under a weary life,
But that the dread of something after death,--
The undiscover'd country, from whose bourn
No traveller returns,--puzzles the will,
And makes us rather bear those ills we have
Than fly to others that we know not of?
Thus conscience does make cowards of us all;
And thus the native hue of resolution
Is sicklied o'er with the pale cast of thought;
And enterprises of great pith and moment,
With this regard, their currents turn awry,
And lose the name of action.--Soft you now!
The fair Ophelia!--Nymph, in thy orisons
Be all my sins remember'd.
\0`;

const BASIC_ROUNDS = 4096;

/** The order in which md5crypt writes its digest. */
const ORDER = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

const bitOf = (digest: Buffer, at: number) => (digest[(at >> 3) & 15]! >> (at & 7)) & 1;

/** The bit of the digest that seven pairs of its bytes choose, from the byte `first` on. */
function chosenBit(digest: Buffer, first: number): number {
  let chosen = 0;
  for (let at = 0; at < 7; at += 1) {
    const a = digest[(first + at) & 15]!;
    const b = digest[(first + at + 3) & 15]!;
    const v = digest[(a >> (b % 5)) & 15]! >> ((b >> (a & 7)) & 1);
    chosen |= bitOf(digest, v) << at;
  }
  return bitOf(digest, chosen);
}

/** Whether Hamlet is recited in this round: two bits of the digest tossed against each other. */
function isRecited(digest: Buffer, round: number): boolean {
  const x = chosenBit(digest, bitOf(digest, round));
  const y = chosenBit(digest, 8 + bitOf(digest, round + 64));
  return x !== y;
}

/** Sun's MD5 crypt for Solaris (Muffett 2005); the salt is the whole setting, from `$md5` to before the digest's `$`. */
export const sunMd5Algorithm: Algorithm<SunMd5Parameters> = {
  label: () => 'sun-md5',
  admits: ({ parameters: { rounds } }, caps) => rounds >= 0 && rounds + BASIC_ROUNDS <= caps.cryptRounds,
  derive(password, { parameters: { rounds }, salt }) {
    let digest = createHash('md5').update(password).update(salt).digest();
    for (let round = 0; round < rounds + BASIC_ROUNDS; round += 1) {
      const hash = createHash('md5').update(digest);
      if (isRecited(digest, round)) hash.update(HAMLET);
      digest = hash.update(String(round)).digest();
    }
    return Buffer.from(cryptBase64(Buffer.from(ORDER.map((at) => digest[at]!))), 'ascii');
  },
};
