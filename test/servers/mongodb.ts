/**
 * A private server that speaks MongoDB's wire protocol, on loopback and in memory: mongo-java-server, which implements
 * much of MongoDB in Java. Its jars come from Maven Central; nothing is downloaded here:
 * `mvn dependency:get -Dartifact=de.bwaldvogel:mongo-java-server:1.47.0`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Requirement } from '../support/requires.ts';
import { requires } from '../support/requires.ts';

const VERSION = '1.47.0';
const INSTALL = `mvn dependency:get -Dartifact=de.bwaldvogel:mongo-java-server:${VERSION}`;
const REPOSITORY = process.env.MAVEN_REPOSITORY ?? join(homedir(), '.m2', 'repository');
const SERVER = ['', '-core', '-memory-backend'].map(
  (part) => `de/bwaldvogel/mongo-java-server${part}/${VERSION}/mongo-java-server${part}-${VERSION}.jar`,
);
/** What the server needs beside itself, in whatever version was resolved. */
const LIBRARIES = [
  ...[
    'buffer',
    'codec-base',
    'common',
    'handler',
    'resolver',
    'transport',
    'transport-native-unix-common',
  ].map((part) => `io/netty/netty-${part}`),
  'org/slf4j/slf4j-api',
];

/** For `describe.skipIf(requiresMongodb().skip)(…)`. */
export function requiresMongodb(): Requirement {
  const java = requires('MongoDB', 'java');
  if (java.skip || jars()) return java;
  const missing = `mongo-java-server is not there: ${INSTALL}`;
  if (process.env.FOOTBRIDGE_REQUIRE_SERVERS === '1') throw new Error(missing);
  return { path: undefined, skip: true, name: `MongoDB [skipped: ${missing}]` };
}

function jars(): readonly string[] | undefined {
  const found = [
    ...SERVER.map((path) => join(REPOSITORY, path)),
    ...LIBRARIES.map((folder) => newestIn(join(REPOSITORY, folder)) ?? ''),
  ];
  return found.every(existsSync) ? found : undefined;
}

function newestIn(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.jar'))
    .sort()
    .map((name) => join(folder, name))
    .at(-1);
}

/** Ends with its input, so that it never outlives the test. */
const MAIN = `
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.net.InetSocketAddress;
public class Main {
  public static void main(String[] args) throws Exception {
    MongoServer server = new MongoServer(new MemoryBackend());
    server.bind(new InetSocketAddress("127.0.0.1", 0));
    System.out.println("port " + server.getLocalAddress().getPort());
    while (System.in.read() >= 0) {}
    server.shutdownNow();
    System.exit(0);
  }
}
`;

export interface MongoServer {
  readonly port: number;
  /** Without a database. */
  readonly url: string;
  stop(): Promise<void>;
}

export async function startMongodb(): Promise<MongoServer> {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-mongodb-'));
  const main = join(folder, 'Main.java');
  writeFileSync(main, MAIN);
  const server = spawn(requiresMongodb().path!, ['-Xmx256m', '-cp', jars()!.join(delimiter), main], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  server.stderr.on('data', (chunk) => {
    complaint += chunk;
  });
  const exited = once(server, 'exit');
  const stop = async () => {
    server.stdin.end();
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  for await (const line of createInterface(server.stdout)) {
    const port = Number(/^port (\d+)$/.exec(line)?.[1]);
    if (port > 0) return { port, url: `mongodb://127.0.0.1:${port}`, stop };
  }
  await stop();
  throw new Error(`mongo-java-server did not start: ${complaint}`);
}
