/** A letter as it would be written to somebody who is made up, without its link: for whoever wants to see it first. */
import type { MailLocale, Written } from './letters.ts';
import type { Mailer } from './mailer.ts';
import type { SampleName } from './samples.ts';
import { SAMPLE_PERSON, SAMPLES } from './samples.ts';

export interface SampleWish {
  readonly letter: SampleName;
  /** The settings' when absent. */
  readonly language?: MailLocale | undefined;
  /** What people know it by. */
  readonly target: string;
  readonly contact?: string | undefined;
}

export function writeSample(
  { render, sender, defaultLocale }: Pick<Mailer, 'render' | 'sender' | 'defaultLocale'>,
  { letter, language, target, contact }: SampleWish,
): Written {
  const locale = language ?? defaultLocale;
  return render(SAMPLES[letter], { locale, name: SAMPLE_PERSON, target, sender, contact });
}
