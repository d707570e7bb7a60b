import { javaProductFormats } from '../../../src/credentials/formats/java-products.ts';
import { formatContract } from '../format-contract.ts';

formatContract('java-products', javaProductFormats);
