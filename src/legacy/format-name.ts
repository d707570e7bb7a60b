/** The name of a password format, checked when the configuration is loaded: a typing error must not wait for a login. */
import { z } from 'zod';
import { formatNamed, similarNames } from '../credentials/format-names.ts';

export const formatName = z
  .string()
  .min(1)
  .superRefine((name, context) => {
    if (name === 'auto' || formatNamed(name)) return;
    const similar = similarNames(name);
    const hint = similar.length > 0 ? `; did you mean ${similar.join(', ')}?` : '';
    context.addIssue({ code: 'custom', message: `no password format has this name${hint}` });
  });
