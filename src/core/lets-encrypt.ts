/** Let's Encrypt's directories (https://letsencrypt.org/docs/acme-protocol-updates/, https://letsencrypt.org/docs/staging-environment/). */
export const letsEncrypt = {
  directory: 'https://acme-v02.api.letsencrypt.org/directory',
  rehearsal: 'https://acme-staging-v02.api.letsencrypt.org/directory',
} as const
