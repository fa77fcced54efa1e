"""Write config.h from Kconfig and .config.

    kconfig.py CONFIG HEADER

Every bool of Kconfig is defined as 0 or 1, the others by their values. CONFIG need not exist: then all have their
defaults. HEADER is left alone when it would not change, so that nothing is compiled again.
"""
import os
import sys

import kconfiglib


def define(sym):
    name = f"#define CONFIG_{sym.name}"
    if sym.orig_type == kconfiglib.BOOL:
        return f"{name} {int(sym.str_value == 'y')}"
    if sym.orig_type == kconfiglib.STRING:
        return f'{name} "{kconfiglib.escape(sym.str_value)}"'
    return f"{name} {sym.str_value}"


def main(config, header):
    kconf = kconfiglib.Kconfig("Kconfig", warn_to_stderr=True)
    if os.path.exists(config):
        kconf.load_config(config)
    text = "/* Made from Kconfig. */\n#define IS_ENABLED(option) (option)\n"
    text += "".join(define(sym) + "\n" for sym in kconf.unique_defined_syms if sym.orig_type)
    if os.path.exists(header) and open(header).read() == text:
        return
    os.makedirs(os.path.dirname(header), exist_ok=True)
    with open(header, "w") as out:
        out.write(text)


main(*sys.argv[1:])
