/** What a letter that an operator wants to see is about. */
import { FootbridgeError } from '../../errors.ts';
import type { MailLocale, Written } from '../../mail/letters.ts';
import type { Mailer } from '../../mail/mailer.ts';
import { writeSample } from '../../mail/sample-letter.ts';
import type { SampleName } from '../../mail/samples.ts';
import type { Desk } from '../operation.ts';

type SampleDesk = Pick<Desk, 'mailer' | 'targets' | 'claimTokens'>;

export interface SampleInput {
  readonly letter: SampleName;
  readonly language?: MailLocale | undefined;
  /** The first one of the settings when absent. */
  readonly target?: string | undefined;
}

/** Throws config_invalid without `mail`. */
export function mailerOf({ mailer }: Pick<Desk, 'mailer'>): Mailer {
  if (!mailer) throw new FootbridgeError('config_invalid', { detail: 'the settings have no `mail`' });
  return mailer;
}

/** Throws config_invalid without `mail`, not_found for a target that there is not. */
export function sampleOf(desk: SampleDesk, { letter, language, target: name }: SampleInput): Written {
  const { targets, claimTokens } = desk;
  const target = name === undefined ? targets.all[0] : targets.byName(name);
  if (!target) throw new FootbridgeError('not_found', { detail: `there is no target ${name ?? 'at all'}` });
  const { contact } = claimTokens.find((one) => one.target === target.name) ?? {};
  return writeSample(mailerOf(desk), { letter, language, target: target.displayName, contact });
}
