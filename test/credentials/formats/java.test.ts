import { javaFormats } from '../../../src/credentials/formats/java.ts';
import { formatContract } from '../format-contract.ts';

formatContract('java', javaFormats);
