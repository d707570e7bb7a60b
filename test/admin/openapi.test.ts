/** The description of the API of operators and targets. */
import { expect, test } from 'vitest';
import { openApiDocument } from '../../src/admin/openapi.ts';
import { operations } from '../../src/admin/operations/index.ts';

// biome-ignore lint/suspicious/noExplicitAny: the document as any client reads it
const { paths } = openApiDocument('https://id.example.com') as any;
const schemaOf = (name: string) =>
  paths[`/admin/api/${name.replaceAll(' ', '/')}`].post.requestBody.content['application/json'].schema;

test.each(operations.map(({ name, changes }) => [name, changes] as const))(
  '%s takes `execute` if it changes anything, and nothing that it does not know',
  (name, changes) => {
    const { properties, additionalProperties } = schemaOf(name);
    expect(properties.execute).toEqual(
      changes ? expect.objectContaining({ type: 'boolean', default: false }) : undefined,
    );
    expect(additionalProperties).toBe(false);
  },
);

test.each(operations.map((operation) => [operation.name, operation] as const))(
  '%s is described in the words of the console and of the API, too: without flags of the command line',
  (name, { summary }) => {
    const said = JSON.stringify([summary, schemaOf(name)]);
    // Another command, quoted, is a command.
    expect(said.replace(/`[a-z]+ [^`]+`/g, '')).not.toMatch(/(?<!\w)--[a-z]/);
  },
);
