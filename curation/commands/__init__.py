"""What people ask of finished tables: `qirat why`, `whatif`, `calibrate`, `forget`, `diff` and so on."""
