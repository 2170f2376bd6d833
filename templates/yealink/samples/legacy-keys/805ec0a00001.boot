#!version:1.0.0.1
include:config "805ec0a00001.cfg"
overwrite_mode = 1
