/** Two texts line by line: what is in both, only in the older, only in the newer. */
export interface DiffLine {
  readonly kind: 'same' | 'gone' | 'new';
  readonly text: string;
}

/** The longest stretch in which lines are compared one by one: a table of its square is in memory. */
const MAX_LINES = 1_500;
/** Lines that are shown around a change. */
const AROUND = 3;

export interface TextDiff {
  /** Stretches with their surroundings; what lies between them is the same. */
  readonly hunks: readonly { readonly line: number; readonly lines: readonly DiffLine[] }[];
  /** Too much differs to be told line by line. */
  readonly isTooLong: boolean;
}

export function textDiff(before: string, after: string): TextDiff {
  const [old, now] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  const most = Math.min(old.length, now.length) - start;
  while (end < most && old[old.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  const [a, b] = [old.slice(start, old.length - end), now.slice(start, now.length - end)];
  if (a.length > MAX_LINES || b.length > MAX_LINES) return { hunks: [], isTooLong: true };
  const same = (lines: readonly string[]) => lines.map((text): DiffLine => ({ kind: 'same', text }));
  const lines = [...same(old.slice(0, start)), ...between(a, b), ...same(old.slice(old.length - end))];
  return { hunks: hunksOf(lines), isTooLong: false };
}

/** By the longest common subsequence. */
function between(a: readonly string[], b: readonly string[]): DiffLine[] {
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      longest[i * width + j] =
        a[i] === b[j]
          ? longest[(i + 1) * width + j + 1]! + 1
          : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: 'same', text: a[i]! });
      i += 1;
      j += 1;
    } else if (
      j >= b.length ||
      (i < a.length && longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!)
    ) {
      lines.push({ kind: 'gone', text: a[i]! });
      i += 1;
    } else {
      lines.push({ kind: 'new', text: b[j]! });
      j += 1;
    }
  }
  return lines;
}

function hunksOf(lines: readonly DiffLine[]): TextDiff['hunks'] {
  const changed = lines.flatMap(({ kind }, at) => (kind === 'same' ? [] : [at]));
  const spans: { from: number; to: number }[] = [];
  for (const at of changed) {
    const last = spans.at(-1);
    if (last && at - AROUND <= last.to) last.to = at + AROUND + 1;
    else spans.push({ from: Math.max(0, at - AROUND), to: at + AROUND + 1 });
  }
  return spans.map(({ from, to }) => ({
    // Of the newer text.
    line: lines.slice(0, from).filter(({ kind }) => kind !== 'gone').length + 1,
    lines: lines.slice(from, to),
  }));
}
