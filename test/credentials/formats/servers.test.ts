import { serverFormats } from '../../../src/credentials/formats/servers.ts';
import { formatContract } from '../format-contract.ts';

formatContract('servers', serverFormats);
