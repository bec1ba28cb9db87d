declare const SRV6D_VERSION: string | undefined

/** Put in by the build from package.json; a run from source has none. */
export const VERSION: string = typeof SRV6D_VERSION === 'string' ? SRV6D_VERSION : '0.0.0-source'
