export function bundle(options?: { entry?: string; folder?: string }): Promise<string>;
export function bundleIsStale(): boolean;
