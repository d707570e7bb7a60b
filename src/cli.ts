/**
 * The command line. People's text and progress go to stderr, answers to stdout; `--json` makes the answers machine-
 * readable. Exit code 0: done; 1: found something wrong; 2: could not run.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { parse } from 'yaml';
import packageFile from '../package.json' with { type: 'json' };
import type { Operation } from './admin/operation.ts';
import { operations } from './admin/operations/index.ts';
import type { Who } from './admin/perform.ts';
import { perform } from './admin/perform.ts';
import type { Known } from './cli-errors.ts';
import { EXIT, failedBy, InputError } from './cli-errors.ts';
import type { Settings } from './config.ts';
import { configSchema, loadConfig, showConfig } from './config.ts';
import { hashCommand } from './hash-command.ts';
import { telling, toldOf } from './issue-words.ts';
import { progressLine } from './progress-line.ts';
import { schemaUp } from './store/schema.ts';

interface Shared {
  readonly config: string;
  readonly json?: boolean;
}

const DEMO_DATA = '.footbridge';
/** Beside a running demo the commands look into the demo, unless told otherwise. */
const DEMO_CONFIG = `${DEMO_DATA}/footbridge.yaml`;
const DEFAULT_CONFIG = ['footbridge.yaml', DEMO_CONFIG].find((file) => existsSync(file)) ?? 'footbridge.yaml';
const say = (text: string) => process.stderr.write(`${text}\n`);
const answer = (value: unknown, shared: Shared, text: string) =>
  process.stdout.write(`${shared.json ? JSON.stringify(value) : text}\n`);

export async function runCli(argv: readonly string[]): Promise<number> {
  const outcome = { code: EXIT.ok as number };
  const program = new Command('footbridge')
    .description('An OpenID Provider in front of a legacy user store, so that people move without noticing.')
    .version(packageFile.version)
    // Only before a command's name: `rollout history --version 1` has a `--version` of its own.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) });
  const command = (parent: Command, name: string, summary: string) =>
    parent
      .command(name)
      .description(summary)
      .option('--config <file>', 'configuration file', DEFAULT_CONFIG)
      .option('--json', 'machine-readable answer on stdout');
  addServers(program, command);
  addConfig(program, command);
  addSchema(program, command, outcome);
  addHash(program, outcome);
  for (const operation of operations) addOperation(program, command, { operation, outcome });
  try {
    await program.parseAsync(argv as string[]);
    return outcome.code;
  } catch (error) {
    const { text, code } = failedBy(error, known);
    if (text) say(text);
    return code;
  }
}

/** Of the configuration that was read last: whoever cannot reach its database is told where that should be. */
let known: Known | undefined;
function load(file: string): Settings {
  const settings = loadConfig(file);
  known = { database: settings.database.url.reveal(), isDemo: file === DEMO_CONFIG };
  return settings;
}

type MakeCommand = (parent: Command, name: string, summary: string) => Command;

function addServers(program: Command, command: MakeCommand): void {
  command(program, 'start', 'Runs the server.').action(async ({ config }: Shared) => {
    const { runServer } = await import('./run.ts');
    await runServer(() => load(config));
  });
  program
    .command('demo')
    .description(
      'Runs everything with a demo legacy shop, a demo target and a new app, on an embedded database.',
    )
    .option('--reset', 'begin anew')
    .option('--data <folder>', 'where the demo keeps its data', DEMO_DATA)
    .option('--port <port>', 'Footbridge’s port; the others follow from it', '8080')
    .action(async (options: { reset?: boolean; data: string; port: string }) => {
      const { runDemo } = await import('../example/demo/main.ts');
      const { portOf } = await import('../example/demo/ports.ts');
      const port = portOf(options.port);
      await runDemo({ reset: options.reset ?? false, data: options.data, port });
    });
}

function addConfig(program: Command, command: MakeCommand): void {
  const config = program.command('config').description('The configuration file.');
  command(config, 'check', 'Checks the file and names every problem with line and column.').action(
    (shared: Shared) => {
      load(shared.config);
      answer({ ok: true, file: shared.config }, shared, `${shared.config} is well.`);
    },
  );
  command(config, 'show', 'Prints the file with presets and URLs written out, without secrets.').action(
    (shared: Shared) => {
      const text = showConfig(shared.config);
      answer({ file: shared.config, config: parse(text) }, shared, text.trimEnd());
    },
  );
  config
    .command('schema')
    .description('Prints the JSON Schema of the file, for editors.')
    .option('--output <file>', 'write to a file')
    .action(({ output }: { output?: string }) => {
      const text = `${JSON.stringify(configSchema(), null, 2)}\n`;
      if (output) writeFileSync(output, text);
      else process.stdout.write(text);
    });
}

function addSchema(program: Command, command: MakeCommand, _outcome: { code: number }): void {
  command(
    groupOf(program, 'schema', 'Our own database.'),
    'up',
    'Applies the schema steps that are missing.',
  ).action(async (shared: Shared) => {
    const url = load(shared.config).database.url.reveal();
    const done = await schemaUp({ url, log: say });
    answer(done ?? { ok: true }, shared, 'The database is up to date.');
  });
}

function addHash(program: Command, outcome: { code: number }): void {
  const hash = program.command('hash').description('Password hashes.');
  const kinds = {
    identify: 'Says which format each line is written in.',
    verify: 'Verifies the password of each line.',
    translate: 'Writes each line’s hash in a form the target reads.',
  };
  for (const [kind, summary] of Object.entries(kinds)) {
    hash
      .command(`${kind} <file>`)
      .description(`${summary} FILE holds one JSON object per line; - reads stdin.`)
      .action(async (file: string) => {
        outcome.code = await hashCommand(kind as keyof typeof kinds, file, {
          out: (line) => process.stdout.write(`${line}\n`),
          say,
        });
      });
  }
}

function groupOf(program: Command, name: string, description: string): Command {
  return program.commands.find((c) => c.name() === name) ?? program.command(name).description(description);
}

function addOperation(
  program: Command,
  command: MakeCommand,
  { operation, outcome }: { operation: Operation; outcome: { code: number } },
): void {
  const words = operation.name.split(' ');
  const verb = words.pop() ?? '';
  const made = command(
    words[0] === undefined ? program : groupOf(program, words[0], ''),
    [verb, ...(operation.positional ?? []).map((name) => `<${name}>`)].join(' '),
    operation.summary,
  );
  if (operation.changes) made.option('--execute', 'really do it; without it nothing is changed');
  for (const [name, field] of Object.entries(operation.input.shape)) {
    if (operation.positional?.includes(name)) continue;
    // What takes a text takes a value, though it would take `true` for one as well.
    const isFlag = field.safeParse(true).success && !field.safeParse('1').success;
    made.option(
      `--${kebab(name)}${isFlag ? '' : ' <value>'}`,
      (field as { description?: string }).description ?? '',
    );
  }
  if (operation.page) made.option('--html <file>', 'also writes it as one HTML file, to be handed on');
  made.action(async (...args: unknown[]) => {
    const values = args.slice(0, operation.positional?.length ?? 0);
    const {
      config,
      json,
      execute = false,
      html,
      ...options
    } = args[values.length] as Shared & Record<string, unknown>;
    const given = Object.fromEntries((operation.positional ?? []).map((name, i) => [name, values[i]]));
    const input = inputOf(operation, { ...options, ...given });
    const progress = progressLine();
    const interrupt = operation.interruptible && onInterrupt();
    const run = (): Promise<unknown> => {
      // It has to work where there is neither a configuration nor a database.
      if (operation.runOffline && operation.offline?.(input)) return operation.runOffline(input);
      return atDesk(config, (desk, who) =>
        perform(desk, operation, {
          ...{ input, who },
          execute: execute === true,
          onProgress: progress.show,
          ...(interrupt ? { signal: interrupt.signal } : {}),
        }),
      );
    };
    const output = await run().finally(() => {
      interrupt?.end();
      progress.end();
    });
    if (typeof html === 'string' && operation.page) {
      writeFileSync(html, operation.page(output), { mode: 0o600 });
      say(`${html} is written.`);
    }
    answer(output, { config, ...(json ? { json } : {}) }, operation.print(output));
    if (operation.foundWrong?.(output)) outcome.code = EXIT.wrong;
  });
}

function inputOf(
  { input, positional = [] }: Operation,
  given: Record<string, unknown>,
): Record<string, unknown> {
  const read = input.safeParse(given, { error: telling });
  if (read.success) return read.data as Record<string, unknown>;
  const named = (name: string) => (positional.includes(name) ? `<${kebab(name)}>` : `--${kebab(name)}`);
  throw new InputError(
    toldOf(read.error.issues)
      .map(({ path, message }) => `${named(path.join('.'))}: ${message}`)
      .join('\n'),
  );
}

async function atDesk<T>(
  configFile: string,
  work: (desk: import('./admin/operation.ts').Desk, who: Who) => Promise<T>,
): Promise<T> {
  const { openDesk } = await import('./desk.ts');
  // Whoever may read the configuration has our database: a lesser role would be one in name only.
  const who: Who = { name: process.env.SUDO_USER ?? process.env.USER ?? 'cli', role: 'admin' };
  const { desk, close } = await openDesk(load(configFile), { actor: who.name, configFile });
  try {
    return await work(desk, who);
  } finally {
    await close();
  }
}

/** The first Ctrl-C lets what is under way finish; the second ends the process. */
function onInterrupt(): { readonly signal: AbortSignal; end(): void } {
  const abort = new AbortController();
  const stop = () => {
    if (abort.signal.aborted) process.exit(EXIT.failed);
    say('\nFinishing what is under way; press Ctrl-C again to stop at once.');
    abort.abort();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  return {
    signal: abort.signal,
    end: () => {
      for (const signal of SIGNALS) process.removeListener(signal, stop);
    },
  };
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
