import { databaseFormats } from '../../../src/credentials/formats/database.ts';
import { formatContract } from '../format-contract.ts';

formatContract('database', databaseFormats);
