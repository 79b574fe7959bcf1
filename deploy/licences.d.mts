/** One package of an installation. */
interface LockedPackage {
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly integrity: string;
  readonly hasInstallScript: boolean;
}

/** package-lock.json, as far as it matters here. */
interface Lock {
  readonly packages: Readonly<Record<string, object>>;
}

export function productionPackages(lock: Lock): LockedPackage[];
export function licencesDocument(lock: Lock): string;
