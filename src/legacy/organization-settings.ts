/** Where the mapping finds the organizations that somebody belongs to. */
import { z } from 'zod';
import { hasOnePlace, onePlace, rows } from './factor-settings.ts';
import { field, proof } from './field-settings.ts';

const fields = z.union([field.transform((one) => [one]), z.array(field).max(10)]).default([]);

export const organizations = z
  .strictObject({
    ...rows,
    id: field.describe('The organization’s primary key: it never changes. A row without one is none.'),
    name: field.describe('What it is called; its id where there is no name.'),
    countryCode: field
      .optional()
      .describe('Its country, as two letters (ISO 3166-1); absent where it is something else.'),
    kinds: fields.describe('What kind of organization it is, in the target’s words: `map` translates.'),
    roles: fields.describe('What the person is in it. Rows of one organization are taken together.'),
    owner: proof.describe('What proves that the person may link it to an organization at the target.'),
  })
  .refine(hasOnePlace, onePlace)
  .describe(
    'The organizations that a person belongs to, for claim tokens; and for the claim `urn:footbridge:organizations`.',
  );
export type OrganizationMapping = z.output<typeof organizations>;
