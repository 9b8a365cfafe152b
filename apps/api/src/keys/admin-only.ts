import { SetMetadata } from '@nestjs/common';

export const NEEDS_ADMIN = 'lowrank:admin';

/** Routes that need an administrator. */
export const AdminOnly = () => SetMetadata(NEEDS_ADMIN, true);
