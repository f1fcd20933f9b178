// Names of the errors that file systems, disks and networks of Linux return and `node:os` does not know: by
// number, as most machines have them (the kernel's asm-generic/errno.h, so x86-64 and ARM).

/** `EUCLEAN` of 117; null for a number that is not named here. */
export function linuxErrorName(errno: number): string | null {
  return NAMES.get(errno) ?? null;
}

const NAMES: ReadonlyMap<number, string> = new Map([
  [52, "EBADE"],
  [64, "ENONET"],
  [66, "EREMOTE"],
  [70, "ECOMM"],
  [77, "EBADFD"],
  [85, "ERESTART"],
  [87, "EUSERS"],
  [108, "ESHUTDOWN"],
  [112, "EHOSTDOWN"],
  [117, "EUCLEAN"],
  [121, "EREMOTEIO"],
  [123, "ENOMEDIUM"],
  [124, "EMEDIUMTYPE"],
  [126, "ENOKEY"],
  [127, "EKEYEXPIRED"],
  [128, "EKEYREVOKED"],
  [129, "EKEYREJECTED"],
  [131, "ENOTRECOVERABLE"],
  [132, "ERFKILL"],
  [133, "EHWPOISON"],
]);
