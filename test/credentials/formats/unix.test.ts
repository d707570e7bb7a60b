import { unixFormats } from '../../../src/credentials/formats/unix.ts';
import { formatContract } from '../format-contract.ts';

formatContract('unix', unixFormats);
