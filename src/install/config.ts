/** The only reader of this root's environment. Programs it starts inherit it: proxies, mirrors and CAs are set there. */
export const environment: Readonly<NodeJS.ProcessEnv> = process.env
