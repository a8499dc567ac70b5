"""The systems that ship with tfcovid, one YAML file each; read by name through `tfcovid.config`."""
