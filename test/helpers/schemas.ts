/** Two source schemas that differ in every way that docs/requirements.md allows. */

export interface SourceSchemaCase {
  readonly name: string;
  readonly create: string;
  /** Memberships have an id of their own, and a pair may repeat. */
  readonly surrogate: boolean;
  readonly zeroDates: boolean;
}

export const SOURCE_SCHEMAS: readonly SourceSchemaCase[] = [
  {
    name: 'surrogate ids, VARCHAR, TIMESTAMP',
    surrogate: true,
    zeroDates: false,
    create: `
CREATE TABLE users (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, first_name VARCHAR(120) NULL, last_name VARCHAR(120) NULL,
  email VARCHAR(190) NULL, password VARCHAR(255) NULL, is_active TINYINT(1) NOT NULL DEFAULT 1, phone VARCHAR(32) NULL,
  created_at TIMESTAMP NULL DEFAULT NULL, updated_at TIMESTAMP NULL DEFAULT NULL, UNIQUE KEY email (email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE institutes (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255) NULL, imageUrl VARCHAR(500) NULL,
  city VARCHAR(80) NULL, created_at TIMESTAMP NULL DEFAULT NULL, updated_at TIMESTAMP NULL DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE institute_user (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, institute_id BIGINT UNSIGNED NOT NULL, user_id BIGINT UNSIGNED NOT NULL,
  user_type VARCHAR(32) NULL, status VARCHAR(32) NULL, created_at TIMESTAMP NULL DEFAULT NULL, updated_at TIMESTAMP NULL DEFAULT NULL,
  KEY i (institute_id), KEY u (user_id),
  CONSTRAINT iu_i FOREIGN KEY (institute_id) REFERENCES institutes (id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT iu_u FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;`,
  },
  {
    name: 'composite key, ENUM, DATETIME(6), latin1, other order',
    surrogate: false,
    zeroDates: true,
    create: `
CREATE TABLE institutes (
  updated_at DATETIME(6) NULL, imageUrl TEXT NULL, id INT NOT NULL PRIMARY KEY, kind ENUM('a','b,c') NULL,
  name VARCHAR(200) CHARACTER SET latin1 NULL, created_at DATETIME(6) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE users (
  updated_at DATETIME(6) NULL, password VARCHAR(100) CHARACTER SET latin1 NULL, is_active BIT(1) NOT NULL DEFAULT b'1',
  last_name VARCHAR(80) CHARACTER SET latin1 NULL, id BIGINT NOT NULL PRIMARY KEY, notes JSON NULL,
  email VARCHAR(190) NULL, first_name VARCHAR(80) NULL, created_at DATETIME(6) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE institute_user (
  user_id BIGINT NOT NULL, status ENUM('active','inactive','pending') NULL, institute_id INT NOT NULL,
  user_type ENUM('admin','teacher','instructor','student','staff','director','guest') NULL,
  updated_at DATETIME(6) NULL, created_at DATETIME(6) NULL, PRIMARY KEY (user_id, institute_id),
  CONSTRAINT iu2_i FOREIGN KEY (institute_id) REFERENCES institutes (id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT iu2_u FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;`,
  },
];
