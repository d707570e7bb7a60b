/** What a new session holds beside the person: values of the operator's, with what is known of the login filled in. */
import { z } from 'zod';
import { pathOf, withValueAt } from '../serialisation/fields.ts';

const PLACEHOLDERS = ['sub', 'legacyId', 'username', 'email', 'authTime', 'amr'] as const;
type Placeholder = (typeof PLACEHOLDERS)[number];
export type TemplateValues = Readonly<Record<Placeholder, string | number | readonly string[] | undefined>>;

const BRACES = /\{([^{}]*)\}/g;
const WHOLE = /^\{(\w+)(:number)?\}$/;
const PATH = /^[^.\s]{1,128}(?:\.[^.\s]{1,128}){0,7}$/;

const template = z
  .string()
  .max(1_000)
  .superRefine((text, context) => {
    for (const [whole, inner = ''] of text.matchAll(BRACES)) {
      const name = inner.replace(/:number$/, '');
      const isKnown = PLACEHOLDERS.includes(name as Placeholder);
      if (isKnown && (name === inner || whole === text)) continue;
      const message = `expected one of ${PLACEHOLDERS.map((known) => `{${known}}`).join(', ')}; :number only where nothing stands beside it`;
      context.addIssue({ code: 'custom', message });
    }
  });

export const templateSettings = z
  .record(
    z.string().regex(PATH, { error: 'expected names joined by dots, like user.id' }),
    z.union([template, z.number(), z.boolean(), z.null()]),
  )
  .refine((data) => Object.keys(data).length <= 32, { error: 'at most 32' })
  .default({})
  .describe(
    'What the session holds beside the person: where (names joined by dots) and what. Texts may have {sub}, {legacyId}, {username}, {email}, {authTime} (seconds) and {amr} in them; {legacyId:number} is a number.',
  );
export type SessionTemplate = z.output<typeof templateSettings>;

/** What is not known is left out. */
export function filled(template: SessionTemplate, values: TemplateValues): Record<string, unknown> {
  let data: unknown = {};
  for (const [path, value] of Object.entries(template)) {
    const known = typeof value === 'string' ? fillIn(value, values) : value;
    if (known !== undefined) data = withValueAt(data, pathOf(path), known);
  }
  return data as Record<string, unknown>;
}

/** A placeholder alone keeps its kind: a time is a number, and `amr` a list. */
function fillIn(text: string, values: TemplateValues): unknown {
  const [, name, isNumber] = WHOLE.exec(text) ?? [];
  if (name === undefined) return text.replace(BRACES, (_whole, inner: Placeholder) => asText(values[inner]));
  const value = values[name as Placeholder];
  return isNumber && /^-?\d{1,15}$/.test(String(value)) ? Number(value) : value;
}

const asText = (value: TemplateValues[Placeholder]): string => [value ?? ''].flat().join(' ');
