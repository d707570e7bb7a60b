/** Other names for formats: what their makers or other tools call them. A line each; `auto` never answers with one. */
import type { Format } from './format.ts';

const ALIASES: Readonly<Record<string, string>> = {
  'passlib-django_argon2': 'django-argon2',
  'passlib-django_bcrypt': 'django-bcrypt',
  'passlib-django_bcrypt_sha256': 'django-bcrypt_sha256',
  'passlib-django_des_crypt': 'django-des_crypt',
  'passlib-django_pbkdf2_sha1': 'django-pbkdf2_sha1',
  'passlib-django_pbkdf2_sha256': 'django-pbkdf2_sha256',
  'passlib-django_salted_md5': 'django-md5',
  'passlib-django_salted_sha1': 'django-sha1',
  'adonisjs-argon': 'adonis-argon2',
  'adonisjs-bcrypt': 'adonis-bcrypt',
  'adonisjs-scrypt': 'adonis-scrypt',
  'cakephp-sha1': 'cakephp2-sha1',
  'fluxbb-sha1': 'fluxbb',
  'fosuserbundle-sha512': 'symfony-sha512',
  'gitea-pbkdf2-v1': 'gitea-pbkdf2',
  'gogs-pbkdf2': 'gitea-pbkdf2',
  'jira-sha512': 'generic-sha512',
  'mybb-md5': 'mybb',
  'npm-credential': 'credential',
  'openldap-plaintext': 'ldap-plaintext',
  'oscommerce-md5': 'oscommerce-2.2',
  'magento-md5': 'magento1',
  ipboard: 'ipb',
  'passlib-ldap_plaintext': 'ldap-plaintext',
  'passlib-mssql2005': 'mssql2005',
  'passlib-mysql323': 'mysql323',
  'passlib-mysql41': 'mysql41',
  'passlib-oracle11': 'oracle11',
  'passlib-postgres_md5': 'postgres_md5',
  'mariadb-mysql_native_password': 'mysql41',
  mysql_native_password: 'mysql41',
  mysql_old_password: 'mysql323',
  oracle11g: 'oracle11',
  'pgbouncer-md5': 'postgres_md5',
  'php-crypt-std_des': 'unix-des_crypt',
  'punbb-sha1': 'punbb',
  'vbulletin-3': 'vbulletin',
  'vbulletin5-blowfish': 'vbulletin-5',
  'postgres-md5': 'postgres_md5',
};

/** Throws a `TypeError` where an alias has no format, or is the name of one. */
export function withAliases(formats: readonly Format[]): readonly Format[] {
  const byName = new Map(formats.map((format) => [format.name, format]));
  const aliases = Object.entries(ALIASES).map(([name, of]) => {
    const format = byName.get(of);
    if (!format || byName.has(name)) throw new TypeError(`the alias ${name} of ${of} is wrong`);
    return { name, parse: format.parse };
  });
  return [...formats, ...aliases];
}
