import { phpFormats } from '../../../src/credentials/formats/php.ts';
import { formatContract } from '../format-contract.ts';

formatContract('php', phpFormats);
