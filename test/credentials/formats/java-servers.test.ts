import { javaServerFormats } from '../../../src/credentials/formats/java-servers.ts';
import { formatContract } from '../format-contract.ts';

formatContract('java-servers', javaServerFormats);
