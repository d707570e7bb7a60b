import { argon2Formats } from '../../../src/credentials/formats/argon2.ts';
import { formatContract } from '../format-contract.ts';

formatContract('argon2', argon2Formats);
