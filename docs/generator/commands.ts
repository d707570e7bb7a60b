/** The command line, from commander's own tree. */
import { Command } from 'commander';
import type { Operation } from '../../src/admin/operation.ts';
import { operations } from '../../src/admin/operations/index.ts';
import { runCli } from '../../src/cli.ts';
import { code, page, plain, table } from './markdown.ts';

/** What every command has; said once. */
const SHARED = ['--config', '--json'];

export async function commandsPage(): Promise<string> {
  const sections = leaves(await commandTree()).map(section);
  return page('Commands', {
    from: '`src/cli.ts` and `src/admin/operations`',
    text: [INTRODUCTION, ...sections].join('\n\n'),
  });
}

/** The words of every command there is: `user show`. */
export async function commandNames(): Promise<string[]> {
  return leaves(await commandTree()).map(nameOf);
}

const INTRODUCTION = `From a checkout: \`npm run -s footbridge -- <command>\`; installed: \`footbridge <command>\`. Answers go to stdout; progress
and what is meant for people go to stderr. Exit code 0: done; 1: found something wrong; 2: could not run.

Most commands take \`--config <file>\` (\`footbridge.yaml\` in the working directory, else the demo's) and \`--json\` (a
machine-readable answer). A command that changes something says what it would do, and does it with \`--execute\`. Commands
that are operations can also be called over HTTP at the private listener, with \`Authorization: Bearer\` and the
\`admin.token\`.`;

/** \`runCli\` builds its tree and hands it to commander, which is held up here to look at it. */
async function commandTree(): Promise<Command> {
  const { parseAsync } = Command.prototype;
  let program: Command | undefined;
  Command.prototype.parseAsync = async function keep(this: Command) {
    program = this;
    return this;
  };
  try {
    await runCli(['node', 'footbridge']);
  } finally {
    Command.prototype.parseAsync = parseAsync;
  }
  if (!program) throw new Error('the command line was not built');
  return program;
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

function nameOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${nameOf(parent)} ${command.name()}` : command.name();
}

function section(command: Command): string {
  const name = nameOf(command);
  const given = command.registeredArguments.map((argument) => ` <${argument.name()}>`).join('');
  const shared = command.options
    .filter(({ long }) => SHARED.includes(long ?? ''))
    .map(({ long }) => code(long ?? ''));
  const own = command.options.filter(({ long }) => !SHARED.includes(long ?? ''));
  const operation = operations.find((known) => known.name === name);
  return [
    `## footbridge ${name}`,
    code(`footbridge ${name}${given}`),
    plain(command.description()),
    ...(own.length ? [table(['Option', 'What', 'Default'], own.map(optionRow))] : []),
    [
      ...(shared.length ? [`Takes ${shared.join(' and ')}.`] : []),
      ...(operation ? [`Over HTTP: ${httpOf(operation)}.`] : []),
    ].join(' '),
  ]
    .filter(Boolean)
    .join('\n\n');
}

const optionRow = ({ flags, description, defaultValue }: Command['options'][number]): string[] => [
  code(flags),
  plain(description),
  defaultValue === undefined ? '' : code(String(defaultValue)),
];

const httpOf = ({ name }: Operation) => code(`POST /admin/api/${name.replaceAll(' ', '/')}`);
