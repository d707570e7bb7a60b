import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { survey } from '../../legacy/survey.ts';
import { defineOperation } from '../operation.ts';

export const legacySurvey = defineOperation({
  name: 'legacy survey',
  summary:
    'Counts the legacy store’s users: states, password formats, second factors, and who cannot be mapped and why.',
  input: z.strictObject({}),
  changes: false,
  run({ directory }) {
    if (!directory.entries) {
      throw new FootbridgeError('config_invalid', {
        detail: 'this store cannot be read from end to end: give it `queries.page`',
      });
    }
    return survey(directory.entries());
  },
  print({ users, states, formats, withoutPassword, withTotp, withEmail, withVerifiedEmail, unmappable }) {
    const line = (label: string, count: number) => `  ${label.padEnd(40)} ${String(count).padStart(9)}`;
    const block = (title: string, counts: Readonly<Record<string, number>>) =>
      Object.keys(counts).length
        ? [title, ...Object.entries(counts).map(([label, count]) => line(label, count))]
        : [];
    return [
      line('users', users),
      ...block('State', states),
      ...block('Password format', formats),
      line('without a password', withoutPassword),
      line('with a second factor', withTotp),
      line('with an email address', withEmail),
      line('… that is verified', withVerifiedEmail),
      ...block('Cannot be mapped', unmappable),
    ].join('\n');
  },
  foundWrong: ({ unmappable }) => Object.keys(unmappable).length > 0,
});
