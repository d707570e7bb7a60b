import { passlibFormats } from '../../../src/credentials/formats/passlib.ts';
import { formatContract } from '../format-contract.ts';

formatContract('passlib', passlibFormats);
