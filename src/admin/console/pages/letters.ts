import type { Letters } from '../dead-letters.ts';
import { deadInBatches, deadInSync, deadWork } from '../dead-letters.ts';
import { known } from '../known.ts';
import { definePage } from '../page.ts';
import type { Panel } from '../panels.ts';
import { panelsPage } from '../panels.ts';
import { campaignLetters, legacyWrites, logouts, singleLetters, webhooks } from '../undelivered.ts';

/** Each asked by itself, and each with what helps. */
const KINDS: Readonly<Record<string, Letters>> = {
  'Moves that were given up': deadWork,
  'Dead letters of batches': deadInBatches,
  'Sync: people who could not be made equal': deadInSync,
  'Logouts that nobody took': logouts,
  'Letters that did not go out': campaignLetters,
  'Letters to single people that did not go out': singleLetters,
  'Writes that the legacy store did not take': legacyWrites,
  'Webhooks that wait': webhooks,
};

export const lettersPage = definePage({
  path: 'letters',
  title: 'Dead letters',
  menu: { group: 'Now', order: 40 },
  async load(desk, { who, now }) {
    const asked = await Promise.all(
      Object.entries(KINDS).map(async ([title, kind]): Promise<Panel[]> => {
        const found = await known(kind(desk, who, now));
        if (!found.isKnown) return [{ title, notices: [{ tone: 'warn', sentences: [found.why] }] }];
        return found.value.map((panel) => ({ title, ...panel }));
      }),
    );
    const panels = asked.flat();
    return panelsPage(
      {
        lead: 'Whatever was tried until it made no more sense, of every kind, with what to do about it. Nothing here is tried again by itself, but for writes and webhooks.',
        panels:
          panels.length > 0 ? panels : [{ empty: { sentence: 'There is no dead letter of any kind.' } }],
      },
      { refreshSeconds: 30 },
    );
  },
});
