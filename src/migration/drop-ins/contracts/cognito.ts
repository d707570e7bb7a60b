/** What the Lambda function in example/cognito calls: a Cognito user pool has no HTTP contract of its own. */
import { loginCheck } from '../login-check.ts';

export const cognito = loginCheck('cognito', 'the user migration trigger of a Cognito user pool');
