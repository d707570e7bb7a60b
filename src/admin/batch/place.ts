/** Where the next page of a batch's people begins, as text: `<rank>:<sub>`; subjects may have colons themselves. */
import { z } from 'zod';
import type { BatchUser } from '../../migration/batch/batch.ts';

const PLACE = /^(-?\d{1,19}):([\x21-\x7e]{1,255})$/;

export const place = z
  .string()
  .regex(PLACE, { error: 'expected what the page before gave as `next`' })
  .transform((text) => {
    const [, rank = '', sub = ''] = PLACE.exec(text) ?? [];
    return { rank, sub };
  });

export const placeText = ({ rank, sub }: Pick<BatchUser, 'rank' | 'sub'>): string => `${rank}:${sub}`;
