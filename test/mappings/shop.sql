CREATE TABLE regions (
  code CHAR(3) NOT NULL PRIMARY KEY, title VARCHAR(40) NOT NULL, country VARCHAR(10) NULL, is_open TINYINT NOT NULL,
  changed_at DATETIME(6) NULL, opened_on DATE NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE customers (
  id CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY, region_code CHAR(3) NOT NULL, given_name VARCHAR(40) NULL,
  family_name VARCHAR(40) CHARACTER SET latin1 NULL, mail VARCHAR(60) NULL, credit DECIMAL(12,2) NULL,
  standing VARCHAR(10) NULL, closed_at TIMESTAMP NULL DEFAULT NULL, note VARCHAR(30) NULL, KEY (region_code),
  CONSTRAINT customers_region FOREIGN KEY (region_code) REFERENCES regions (code) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE couriers (
  id INT UNSIGNED NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL, speed FLOAT NULL, retired BIT(1) NOT NULL DEFAULT b'0'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE orders (
  number BIGINT NOT NULL PRIMARY KEY, customer_id CHAR(36) CHARACTER SET ascii NOT NULL, courier_id INT UNSIGNED NULL,
  state ENUM('draft','open','paid','sent','void') NOT NULL, placed_at DATETIME(6) NULL, gift BIT(1) NULL,
  KEY (customer_id), KEY (courier_id),
  CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT orders_courier FOREIGN KEY (courier_id) REFERENCES couriers (id) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE order_lines (
  order_number BIGINT NOT NULL, kind ENUM('goods','gift,wrapped','it''s free') NOT NULL, line SMALLINT NOT NULL,
  article VARCHAR(40) NULL, price DECIMAL(10,3) NULL, tags SET('a','b','c') NULL,
  PRIMARY KEY (order_number, kind, line),
  CONSTRAINT lines_order FOREIGN KEY (order_number) REFERENCES orders (number) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE deliveries (
  id BINARY(16) NOT NULL PRIMARY KEY, order_number BIGINT NULL, kind ENUM('goods','gift,wrapped','it''s free') NULL,
  line SMALLINT NULL, arrived TIME NULL, KEY (order_number, kind, line)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE offers (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, region_code CHAR(3) NULL, article VARCHAR(40) NOT NULL, day DATE NOT NULL,
  price DECIMAL(10,2) NULL, state VARCHAR(10) NULL, changed_at DATETIME NULL, KEY (region_code, article, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE marks (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB;
