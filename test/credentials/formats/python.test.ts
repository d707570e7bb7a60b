import { pythonFormats } from '../../../src/credentials/formats/python.ts';
import { formatContract } from '../format-contract.ts';

formatContract('python', pythonFormats);
